"""Charts: a file for every chart, which turns results into Vega-Lite specifications."""
