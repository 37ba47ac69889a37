"""The policy's exchangeable parts: vision tower, backbone, heads, and what composes them."""
