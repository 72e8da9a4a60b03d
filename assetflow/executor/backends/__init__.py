"""Back ends: where the bodies of steps run."""
