"""A worker that starts well and then never reads a byte."""

import threading

from link import write

write('{"hookswitch":1}\n')
threading.Event().wait()
