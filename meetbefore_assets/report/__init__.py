"""What people look at: page, pictures, exports."""
