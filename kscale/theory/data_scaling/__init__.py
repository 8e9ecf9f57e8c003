"""data_scaling"""
