"""Pages of PDF by typst: fonts, widths of columns, and the data of a template."""
