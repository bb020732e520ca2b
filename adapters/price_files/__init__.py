"""Price lists as clinics keep them: CSV and XLSX, read with suspicion and written so that they can be read again."""
