"""What the commands show: progress, notices, and the machine that they run on."""
