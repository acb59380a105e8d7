"""The local page of `energybench view`: it reads a store, and writes nothing into it."""
