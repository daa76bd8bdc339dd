"""Dispute Assistance Forms and the cases our team works on."""
