"""Rows and domain values; every query of this service stands in this folder or in projections."""
