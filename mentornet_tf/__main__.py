"""`python -m mentornet_tf COMMAND …` is `mentornet COMMAND …`."""

from mentornet_tf.commands.main import main

if __name__ == "__main__":
  main()
