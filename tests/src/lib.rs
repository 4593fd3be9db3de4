//! Shared by the end-to-end tests: a running worker, its Stripe stand-in, and a client.
