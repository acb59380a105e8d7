"""The local page of `energybench view`."""
