"""Jobs: what is known of them, where it is kept, and who runs them."""
