"""The wire: frames, CAN databases, codecs, checksums and log formats. It knows no maker and no standard."""
