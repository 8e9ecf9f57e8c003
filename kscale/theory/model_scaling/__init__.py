"""model_scaling"""
