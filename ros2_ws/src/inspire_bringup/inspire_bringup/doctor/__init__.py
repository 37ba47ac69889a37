"""What this machine has, what it lacks and how to mend it: `python -m inspire_bringup.doctor`."""
