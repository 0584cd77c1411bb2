"""Tables, pictures and rankings of finished runs."""
