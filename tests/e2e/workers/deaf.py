"""A worker that starts well and then never reads a byte."""

from link import wait_without_reading, write

write('{"hookswitch":1}\n')
wait_without_reading()
