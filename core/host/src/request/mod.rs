//! One request as a value: what it asks of the server, and how its response must look.
