"""The synthetic scanner of the lab."""
