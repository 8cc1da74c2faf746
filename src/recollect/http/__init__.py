"""Decode, call, encode."""
