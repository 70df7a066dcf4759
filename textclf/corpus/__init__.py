"""Files of texts, read as blocks in bounded memory."""
