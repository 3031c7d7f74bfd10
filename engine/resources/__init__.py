"""What people edit, described once: events carry it, read models return it, and every face makes its forms and options from it."""
