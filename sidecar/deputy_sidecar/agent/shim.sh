#!/bin/sh
# Process 1 of the agent's container. POSIX sh only, no program but the agent is needed.
#
# Usage: shim COMMAND [ARGUMENT...]. The sidecar, in another container, speaks over FIFOs in
# $DEPUTY_LINK. Every FIFO is held open for reading and writing here, so that a restart of the
# sidecar is neither an end of file nor a broken pipe for the agent.
#
#   ctl     read here: `RUN <n> stdin|null` starts COMMAND, `EXIT <code>` ends the container.
#   sig     read here: TERM, INT or KILL, sent to every process of the container but this one.
#   in      read here: `<n> <number> <length> <line>` is one line for the stdin of run <n>,
#           `<n> <number> 0` closes it. A number is fed once, however often it is sent.
#   out     written by the agent: its stdout.
#   events  written here: `ready`, `started <n> <program>`, `fed <number>`, `exited <n> <code>`,
#           `terminating`.

umask 002
link=${DEPUTY_LINK:-/link}
exec 3<>"$link/ctl" 4<>"$link/sig" 5<>"$link/in" 6<>"$link/out" 7<>"$link/events" || exit 125
: >>"$link/stderr"
exec 8<"$link/stderr" || exit 125

last=0
agent=
busy=
terminating=

say() {
    echo "$*" >&7
}

# What the agent has written to its stderr since the last time, for the container's log.
log_stderr() {
    lines=0
    # An agent that leaves somebody behind who writes for ever must not hold up its end.
    while [ "$lines" -lt 2000 ] && { IFS= read -r line <&8 || [ -n "$line" ]; }; do
        printf '%s\n' "$line"
        line= lines=$((lines + 1))
    done
}

is_number() {
    case $1 in
    '' | *[!0-9]*) return 1 ;;
    esac
}

# Outside of a PID namespace of its own this must never reach foreign processes.
signal_agent() {
    if [ $$ -eq 1 ]; then
        kill -s "$1" -- -1
    elif read -r pid <"$link/pid" && is_number "$pid"; then
        kill -s "$1" "$pid"
    fi 2>/dev/null
}

# The shell's `read` takes single bytes, so whatever is left in the FIFO is the next run's.
feed() {
    fed=0
    while :; do
        read -r run number length line <&5 || continue
        is_number "$number" && is_number "$length" || continue
        [ "$run" = "$1" ] && [ "$number" -gt "$fed" ] && [ ${#line} -eq "$length" ] || continue
        [ "$length" -gt 0 ] || break
        printf '%s\n' "$line" || break
        fed=$number
        say "fed $number"
    done
    say "fed $number"
}

# A signal to this shell ends `wait` early; what a shell has told of a process it tells once.
wait_for_agent() {
    code=
    while :; do
        interrupted=
        wait "$agent"
        status=$?
        [ "$status" -eq 127 ] && [ -n "$code" ] || code=$status
        [ -n "$interrupted" ] || break
    done
}

run() {
    number=$1 input=$2
    shift 2
    is_number "$number" && [ "$number" -gt "$last" ] || return 0
    last=$number busy=yes
    feeder=
    if [ "$input" = stdin ]; then
        feed "$number" >"$link/feed" 3<&- 4<&- 6<&- 8<&- &
        feeder=$!
    fi
    (
        [ "$input" = stdin ] && exec <"$link/feed" || exec </dev/null
        exec "$@"
    ) >&6 2>>"$link/stderr" 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- &
    agent=$!
    echo "$agent" >"$link/pid"
    say "started $number ${1##*/}"
    # The pod's end may have come before there was anybody to signal.
    [ -z "$terminating" ] || signal_agent TERM
    wait_for_agent
    [ -z "$feeder" ] || { kill "$feeder" && wait "$feeder"; } 2>/dev/null
    # Before the end is told: with it the pod may go, and its log be kept.
    log_stderr
    echo "$code" >"$link/exit.$number"
    say "exited $number $code"
    busy=
    [ -z "$terminating" ] || exit "$code"
}

terminate() {
    terminating=yes interrupted=yes
    : >"$link/terminating"
    say terminating
    [ -n "$busy" ] || exit 143
    signal_agent TERM
}

# It stays alive whatever it sends: nobody signals himself with `kill -- -1`.
(
    trap : TERM INT
    exec 3<&- 5<&- 6<&- 7<&- 8<&-
    while :; do
        read -r signal <&4 || continue
        case $signal in
        TERM | INT | KILL) signal_agent "$signal" ;;
        esac
    done
) &

trap terminate TERM
say ready
while :; do
    read -r verb argument input <&3 || continue
    case $verb in
    RUN) run "$argument" "$input" "$@" ;;
    EXIT)
        log_stderr
        exit "$argument"
        ;;
    esac
done
