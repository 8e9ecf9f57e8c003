"""pitman_yor"""
