"""The arm gate: the only thing that may command the arm. Envelope, watchdogs, states, leases, controller adapters."""
