"""Action codecs: how a chunk of actions becomes what a language model can predict, and back."""
