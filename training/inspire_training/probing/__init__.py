"""Causal tests in closed loops: does the action follow the answer, and the name?"""
