"""Programs: how a bundle looks, answers and acts. One file per program kind; the manifest chooses."""
