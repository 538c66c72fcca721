"""The whole machine: it fetches a timed program, moves limbs and computes."""
