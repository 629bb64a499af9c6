//! What the parser of heads takes and what it refuses, byte for byte.
