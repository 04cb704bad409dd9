"""A worker that never gets as far as an event: how it fails to start is its argument."""

import os
import sys

from link import wait_without_reading, write

how = sys.argv[1]
if how == "version":
    write('{"hookswitch":2}\n')
elif how == "text":
    write("Starting the desk...\n")
elif how == "answer":
    write('{"id":"x","reply":{}}\n')
elif how == "exit":
    os._exit(7)
elif how == "flood":
    while True:
        write("Starting the desk... " * 1000)
# "silent" and whoever is still here: alive, and saying nothing more.
wait_without_reading()
