"""`python -m meetbefore_assets` is `meetbefore`."""

from meetbefore_assets.cli.main import main

if __name__ == "__main__":
    main()
