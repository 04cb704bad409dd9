#!/bin/sh
# Tells the model whether somebody is at the desk. A handler of type "exec": started for each event, it reads
# no JSON, for the environment says what is asked.
case $HOOKSWITCH_TOOL in
opening_hours)
    day=$(date +%u) hour=$(date +%H)
    if [ "$day" -le 5 ] && [ "$hour" -ge 9 ] && [ "$hour" -lt 17 ]; then
        echo '{"reply": {"result": "We are open until 17:00."}}'
    else
        echo '{"reply": {"result": "We are closed. We open at 9:00, Monday to Friday."}}'
    fi
    ;;
*) echo '{"reply": {"error": "There is no such tool."}}' ;;
esac
