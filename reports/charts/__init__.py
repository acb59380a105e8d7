"""Charts: one file a chart. Each turns results into Vega-Lite specifications."""
