#!/bin/sh
# A program for one event, without any work of its own.
read -r event
echo '{"reply":{"result":{"name":"Jan Jansen"}}}'
