"""What the rule books of the field would say of a measurement."""
