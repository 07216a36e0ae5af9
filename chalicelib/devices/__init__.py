"""SmartDots and bridges: who has a device, and which bridge may bring its captures."""
