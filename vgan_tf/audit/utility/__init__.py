"""What protected images are still good for: expression, motion, picture quality."""
