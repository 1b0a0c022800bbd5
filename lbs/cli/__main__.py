from lbs.cli import main

main()
