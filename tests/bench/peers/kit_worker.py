"""A worker written with handlers/python/hookswitch.py, as an operator would write it."""
from hookswitch import run, tool


@tool("by_kit")
def lookup_contact(query):
    return {"name": "Jan Jansen", "query": query}


run()
