"""A comparison and a scenario to MWh, money and carbon a month."""
