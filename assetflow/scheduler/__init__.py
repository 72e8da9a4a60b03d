"""The scheduler: ticks that evaluate conditions, policies, jobs and sensors, and the process that waits for them."""
