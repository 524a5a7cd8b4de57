"""Where issues live: neutral events and updates, and the trackers that speak them."""
