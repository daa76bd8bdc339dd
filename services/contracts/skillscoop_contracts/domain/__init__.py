"""The rules of contracts, terms and milestones: pure values and functions, no clock, no chance, no database."""
