//! Bodies of generate actions: an op and input bytes become raw material.
