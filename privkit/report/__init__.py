"""Results for people: one HTML template, one figure style."""
