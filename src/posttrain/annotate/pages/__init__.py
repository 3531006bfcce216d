"""What people see: templates, styles and scripts, all served by the app itself."""
