"""What both ends have in common: literals, exact JSON, `$batch`, errors, and a transport that knows when to wait."""
