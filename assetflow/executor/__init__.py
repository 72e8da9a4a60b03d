"""Carrying out a plan: the queue, the run loop, the body of a step, and the back ends that run bodies."""
