"""`inspire report`: everything that was measured as one HTML file that needs no network."""
