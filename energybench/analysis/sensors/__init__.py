"""What kind of sensor a curve comes from: which power it sees, and which register it shows."""
