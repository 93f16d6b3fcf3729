"""Questions about a training: what it would cost (`simulation`), and what it survives (`chaos`, `chaos_runtime`)."""
