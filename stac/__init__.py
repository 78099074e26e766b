"""The catalogue: what a product is called, described, published and found."""
